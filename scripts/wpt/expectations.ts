/** What differs on purpose: why, and the tests that see it. docs/streams.md says the same in words. */
export interface Difference {
  readonly why: string;
  /** Names of tests, as they stand in their files. */
  readonly tests: readonly string[];
}

export const differences: readonly Difference[] = [
  {
    why: "the first error counts: what comes of letting go is not told",
    tests: [
      "Closing must be propagated backward: starts closed; preventCancel omitted; rejected cancel promise",
      "Errors must be propagated backward: becomes errored before piping due to write; preventCancel omitted; rejected cancel promise",
      "Errors must be propagated backward: becomes errored during piping due to write; preventCancel omitted; rejected cancel promise",
      "Errors must be propagated backward: becomes errored during piping due to write, but async; preventCancel = false; rejected cancel promise",
      "Errors must be propagated backward: becomes errored after piping; preventCancel omitted; rejected cancel promise",
      "Errors must be propagated backward: becomes errored after piping; dest never desires chunks; preventCancel = false; rejected cancel promise",
      "Errors must be propagated backward: becomes errored before piping via abort; preventCancel omitted; rejected cancel promise",
      "Errors must be propagated forward: starts errored; preventAbort = false; rejected abort promise",
      "Errors must be propagated forward: becomes errored while empty; preventAbort = false; rejected abort promise",
      "Errors must be propagated forward: becomes errored while empty; dest never desires chunks; preventAbort = false; rejected abort promise",
      "Errors must be propagated forward: becomes errored after one chunk; preventAbort = false; rejected abort promise",
      "Errors must be propagated forward: becomes errored after one chunk; dest never desires chunks; preventAbort = false; rejected abort promise",
      "Piping from an errored readable stream to an erroring writable stream",
    ],
  },
  {
    why: "a stage starts when it is first used, so what start() throws fails both of its ends",
    tests: ["TransformStream constructor should throw when start does"],
  },
  {
    why: "a stage fails by throwing, and what it throws behind terminate() reaches its source only",
    tests: [
      "controller.error() after controller.terminate() with queued chunk should error the readable",
      "controller.error() after controller.terminate() without queued chunk should do nothing",
    ],
  },
  {
    why: "a library makes its streams of the globals that it finds",
    tests: ["TransformStream should use the original value of ReadableStream and WritableStream"],
  },
  {
    why: "pipe() looks at all that it was given before it takes anything, and refuses what is locked at either end",
    tests: [
      "pipeThrough should brand-check readable and not allow '[object ReadableStream]'",
      "pipeThrough should not care if readable is locked",
    ],
  },
];
