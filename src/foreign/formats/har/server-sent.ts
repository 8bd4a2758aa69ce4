/** One event of a stream of `text/event-stream`. */
export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
}

/** The events in the text of a stream. A last one that lacks its blank line counts: the recording may have been cut off. */
export function* eventsIn(text: string): Generator<ServerSentEvent, void, undefined> {
  let type = "message";
  let data: string[] = [];
  for (const line of linesIn(text)) {
    if (line === "") {
      if (data.length > 0) yield { type, data: data.join("\n") };
      type = "message";
      data = [];
      continue;
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line)!;
    if (field === "data") data.push(value);
    else if (field === "event" && value !== "") type = value;
  }
  if (data.length > 0) yield { type, data: data.join("\n") };
}

function* linesIn(text: string): Generator<string, void, undefined> {
  const end = /\r\n|\r|\n/g;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  for (const match of text.matchAll(end)) {
    if (match.index < at) continue;
    yield text.slice(at, match.index);
    at = match.index + match[0].length;
  }
  if (at < text.length) yield text.slice(at);
}
