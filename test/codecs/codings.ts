import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { unlock } from "../../src/crypto.ts";
import type { TapeRecord } from "../../src/records/record.ts";
import { messageText } from "../../src/records/recorded-text.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import type { CreateWriterOptions } from "../../src/tape/write/writer-options.ts";

/** How the lines of a tape may be coded, and the store as somebody sees it who can read them. */
export interface Coding {
  readonly options: Partial<CreateWriterOptions>;
  readonly open: (store: TapeStore) => TapeStore;
}

export const identity: string = await generateX25519Identity();
export const recipient: string = await identityToRecipient(identity);

/** Encrypted for one recipient, and read with its identity. */
function sealed(options: Partial<CreateWriterOptions>): Coding {
  return {
    options: { ...options, encryptTo: { recipients: [recipient] } },
    open: (store) => unlock(store, { identities: [identity] }),
  };
}

export const CODINGS: Readonly<Record<string, Coding>> = {
  "compressed": { options: { compress: { dictionaryBytes: 1024 } }, open: (store) => store },
  "encrypted": sealed({}),
  "encrypted and compressed": sealed({ compress: { dictionaryBytes: 1024 } }),
  "compressed without a dictionary": { options: { compress: { dictionaryBytes: 0 } }, open: (store) => store },
};

/** What a tape says, without what tells how it is coded. */
export function said(records: readonly TapeRecord[]): unknown[] {
  return records.flatMap((record) => {
    if (["init", "checkpoint", "dictionary", "epoch"].includes(record.type)) return [];
    return [record.type === "frame" ? { ...record, text: messageText(record) } : record];
  });
}
