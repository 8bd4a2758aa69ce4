// A stage of your own: keep the calls of one tool, and hide what was passed to it.
//
//   npx tsx examples/custom-filter.ts
//   bun examples/custom-filter.ts
//   deno run examples/custom-filter.ts

import {
  encodeRecord,
  type FrameRecord,
  frames,
  isRequest,
  lineSplit,
  memorySource,
  parseRecord,
  pipe,
  stage,
} from "tapeline";

const tape = memorySource([
  '{"type":"init","version":"2.0","tape_id":"demo","session_id":"s","created_at":"2026-01-01T00:00:00Z"}',
  '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":{"id":1,"method":"tools/list"}}}',
  '{"type":"frame","seq":1,"ts":9,"dir":"client_to_server","env":{"message":{"id":2,"method":"tools/call",' +
  '"params":{"name":"login","arguments":{"password":"hunter2"}}}}}',
  "",
].join("\n"));

/** Lets the calls of one tool through, without their arguments. */
function callsOf(tool: string) {
  return stage<FrameRecord, FrameRecord>({
    transform(frame, emit) {
      if (!isRequest(frame, "tools/call") || frame.env.message.params.name !== tool) return;
      const { message } = frame.env;
      emit({ ...frame, env: { message: { ...message, params: { name: tool, arguments: "(hidden)" } } } });
    },
  });
}

const lines = pipe(tape, lineSplit(), parseRecord(), frames(), callsOf("login"), encodeRecord());
for await (const line of lines) console.log(new TextDecoder().decode(line).trimEnd());
