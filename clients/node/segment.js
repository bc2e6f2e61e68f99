#!/usr/bin/env node
// Segments pictures or raw frames, and prints the classes found: see `node segment.js --help`.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import grpc from "@grpc/grpc-js";

import { readArguments, UsageError } from "./arguments.js";
import { Daemon } from "./daemon.js";
import { countShares, decodeLabels } from "./masks.js";

const EXIT = { ok: 0, frameFailed: 1, usage: 2, noAnswer: 3 };
/** Statuses of frames that did not fail; the last two are dropped because the options say so. */
const AS_ASKED = ["OK", "SUPERSEDED", "EXPIRED"];
/** Statuses of calls that another request would not have. */
const REFUSED = [
  grpc.status.INVALID_ARGUMENT,
  grpc.status.NOT_FOUND,
  grpc.status.UNIMPLEMENTED,
  grpc.status.UNAUTHENTICATED,
  grpc.status.PERMISSION_DENIED,
];

async function main() {
  const given = readArguments(process.argv.slice(2));
  if (given === null) return EXIT.ok;
  const deadline = Date.now() + given.timeout * 1000;
  const daemon = new Daemon(given.server, {
    ca: given.ca && (await read(given.ca)),
    token: given.token,
    proto: given.proto,
  });
  try {
    const options = await readOptions(given, daemon, deadline);
    if (given.out) await mkdir(given.out, { recursive: true });
    const answers =
      given.command === "image"
        ? segmentEach(daemon, given, options, deadline)
        : daemon.stream(readFrames(given), streamOptions(given, options), deadline);
    const names = new ClassNames();
    let failed = false;
    for await (const answer of answers) failed = !(await show(answer, given, names)) || failed;
    return failed ? EXIT.frameFailed : EXIT.ok;
  } finally {
    daemon.close();
  }
}

/** `SegmentationOptions`. */
async function readOptions(given, daemon, deadline) {
  return {
    model: given.model,
    outputs: [`OUTPUT_${given.as.toUpperCase()}`],
    size: given.size,
    classes: given.classes ? await findClasses(given, daemon, deadline) : [],
    max_age_ms: given.maxAge,
  };
}

/** The ids of the classes that are named; a model may have several of one name. */
async function findClasses(given, daemon, deadline) {
  const { models } = await daemon.info(deadline);
  const model = models.find((each) => !given.model || each.name === given.model);
  if (!model) throw new UsageError(`there is no model ${given.model}`);
  return given.classes.split(",").flatMap((name) => {
    const found = model.classes.filter((each) => each.name === name);
    if (found.length > 0) return found.map((each) => each.id);
    const known = model.classes.map((each) => each.name).join(", ");
    throw new UsageError(`there is no class ${name}; there are ${known}`);
  });
}

/** `StreamOptions`. */
function streamOptions(given, segmentation) {
  return {
    segmentation,
    policy: `QUEUE_POLICY_${given.policy.toUpperCase()}`,
    priority: `STREAM_PRIORITY_${given.priority.toUpperCase()}`,
    reuse: `REUSE_${given.reuse.toUpperCase()}`,
  };
}

/** A `Frame` for each file; a camera would wait for its next picture here. */
async function* readFrames(given) {
  let id = given.firstId;
  const begun = performance.now();
  for (let round = 0; round < given.loop; round += 1) {
    for (const file of given.files) {
      if (given.fps) {
        const due = begun + (Number(id - given.firstId) * 1000) / given.fps;
        await sleep(Math.max(0, due - performance.now()), undefined, { ref: false });
      }
      yield {
        id: String(id),
        captured_unix_ns: String(BigInt(Date.now()) * 1_000_000n),
        capturedAt: performance.now(),
        data: await read(file),
        ...given.raw,
      };
      id += 1n;
    }
  }
}

/** Each frame in a call of its own; a failure of the frame is given as a stream would answer it. */
async function* segmentEach(daemon, given, options, deadline) {
  for await (const frame of readFrames(given)) {
    try {
      const response = await daemon.segmentImage(frame, options, deadline);
      yield { ...response, status: "FRAME_STATUS_OK" };
    } catch (error) {
      const [status] = error.metadata?.get("edgeseg-status") ?? [];
      if (status === undefined) throw error; // a proxy's, or the network's
      yield { frame_id: frame.id, status: `FRAME_STATUS_${status}`, message: error.details };
    }
  }
}

/** The names of classes, which a stream sends once for each version of the model. */
class ClassNames {
  #versions = new Map();

  /** Call it with each result. */
  learn({ model_version: version, classes }) {
    if (classes.length > 0) {
      this.#versions.set(version, new Map(classes.map((each) => [each.id, each.name])));
    }
  }

  /** The name of a class of the version that made the result. */
  of({ model_version: version }, id) {
    return this.#versions.get(version)?.get(id) ?? `class ${id}`;
  }
}

/** Prints an answer and writes its mask; false if the frame failed. */
async function show(answer, given, names) {
  // A status that this contract does not have comes as a number.
  const status = String(answer.status).replace("FRAME_STATUS_", "");
  if (status !== "OK") {
    console.log(`${answer.frame_id} ${status} ${answer.message}`);
    return AS_ASKED.includes(status);
  }
  const { segmentation } = answer;
  names.learn(segmentation);
  const labels = decodeLabels(segmentation, given.as);
  const shares = countShares(labels).map(
    ([id, share]) => `${names.of(segmentation, id)} ${(share * 100).toFixed(2)} %`,
  );
  const reused = answer._reused_from_frame_id ? ` (result of ${answer.reused_from_frame_id})` : "";
  console.log(`${answer.frame_id} OK ${shares.join(", ")}${reused}`);
  if (given.out) {
    const header = `P5\n${segmentation.width} ${segmentation.height}\n255\n`;
    const pgm = Buffer.concat([Buffer.from(header), labels]);
    await writeFile(path.join(given.out, `${answer.frame_id}.pgm`), pgm);
  }
  return true;
}

async function read(file) {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error.message}`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`segment.js: ${error.message}`);
    process.exitCode = EXIT.usage;
  } else if (error.code in grpc.status) {
    console.error(`segment.js: ${grpc.status[error.code]}: ${error.details}`);
    process.exitCode = REFUSED.includes(error.code) ? EXIT.usage : EXIT.noAnswer;
  } else {
    throw error;
  }
}
