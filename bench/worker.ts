/** Measures what its argument, a job as JSON, says; prints a report as JSON. */
import process from "node:process";
import type { GroupName, Job, Report } from "./plan.ts";

const groups: Readonly<Record<GroupName, () => Promise<{ measure(job: Job): Promise<Report> }>>> = {
  read: () => import("./library/read.ts"),
  write: () => import("./library/write.ts"),
  follow: () => import("./library/follow.ts"),
  proxy: () => import("./command/proxy.ts"),
  memory: () => import("./command/memory.ts"),
  start: () => import("./command/start.ts"),
  info: () => import("./command/info.ts"),
  list: () => import("./command/list.ts"),
  derive: () => import("./command/derive.ts"),
  convert: () => import("./command/convert.ts"),
  query: () => import("./library/query.ts"),
  seek: () => import("./library/seek.ts"),
  index: () => import("./library/index.ts"),
  sign: () => import("./library/sign.ts"),
  packed: () => import("./library/packed.ts"),
  zstd: () => import("./library/zstd.ts"),
  crypto: () => import("./library/crypto.ts"),
  redact: () => import("./library/redact.ts"),
};

const job: Job = JSON.parse(process.argv[2]!);
const { measure } = await groups[job.group]();
console.log(JSON.stringify(await measure(job)));
