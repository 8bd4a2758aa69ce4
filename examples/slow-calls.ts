// The slow calls of one tool: each request joined with its answer.
//
//   npx tsx examples/slow-calls.ts
//   bun examples/slow-calls.ts
//   deno run examples/slow-calls.ts

import { calls, isRequest, isResponse, lineSplit, memorySource, parseRecord, pipe } from "tapeline";

// The bytes of a tape; those of a file come from fileSource("session.jsonl") of "tapeline/file".
const tape = memorySource(
  `{"type":"init","version":"2.0","tape_id":"a","session_id":"s","created_at":"2026-01-01T00:00:00Z"}
{"type":"frame","seq":0,"ts":4,"dir":"client_to_server","env":{"message":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"tapes"}}}}}
{"type":"frame","seq":1,"ts":9,"dir":"client_to_server","env":{"message":{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"search","arguments":{"query":"reels"}}}}}
{"type":"frame","seq":2,"ts":12,"dir":"server_to_client","env":{"message":{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"none"}]}}}}
{"type":"frame","seq":3,"ts":1540,"dir":"server_to_client","env":{"message":{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"3 tapes"}]}}}}
`,
);

for await (const { request, answer, rttMs = 0 } of pipe(tape, lineSplit(), parseRecord(), calls())) {
  if (!isRequest(request, "tools/call") || request.env.message.params.name !== "search" || rttMs < 1000) continue;
  const text = answer && isResponse(answer, "tools/call") && answer.env.message.result?.content?.[0]?.text;
  console.log(`${rttMs} ms`, request.env.message.params.arguments?.query, "->", text);
}
