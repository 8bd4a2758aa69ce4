/**
 * Redaction: tapes without the secrets that a session held. `docs/sharing.md` says what is found and what is not.
 *
 * @module
 */

export { redact, type RedactStageOptions } from "./redact/redact.ts";
export { Redaction, redaction, type RedactOptions } from "./redact/redaction.ts";
export { type LoadedPolicy, loadPolicy } from "./redact/policy/loaded-policy.ts";
export { defaultPolicy, type RedactPolicy, RedactPolicySchema, type RedactRule } from "./redact/policy/policy.ts";
export { redactTape, type RedactTapeOptions, type RedactTapeResult } from "./tape/redact/redact-tape.ts";
export { scanTape, type ScanTapeOptions, type ScanTapeResult, type SecretFinding } from "./tape/redact/scan-tape.ts";
