/** Measures what its argument, a job as JSON, says; prints a report as JSON. */
import process from "node:process";
import type { GroupName, Job, Report } from "./plan.ts";

const groups: Readonly<Record<GroupName, () => Promise<{ measure(job: Job): Promise<Report> }>>> = {
  read: () => import("./read.ts"),
  write: () => import("./write.ts"),
  follow: () => import("./follow.ts"),
  proxy: () => import("./proxy.ts"),
  memory: () => import("./memory.ts"),
  start: () => import("./start.ts"),
  info: () => import("./info.ts"),
  list: () => import("./list.ts"),
  derive: () => import("./derive.ts"),
  convert: () => import("./convert.ts"),
  query: () => import("./query.ts"),
  seek: () => import("./seek.ts"),
  index: () => import("./index.ts"),
};

const job: Job = JSON.parse(process.argv[2]!);
const { measure } = await groups[job.group]();
console.log(JSON.stringify(await measure(job)));
