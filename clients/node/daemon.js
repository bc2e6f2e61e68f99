// Calls of a daemon: GetServerInfo, single images and streams.

import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTO = fileURLToPath(new URL("../../proto/edgeseg/v1/segmentation.proto", import.meta.url));
const MAX_ATTEMPTS = 5;
const RETRY_MS = 500;

/** A daemon at `address`, HOST:PORT or unix:///PATH. */
export class Daemon {
  /**
   * `ca` is the certificate (PEM) of the authority that signed the server's: with it, TLS is used.
   * `token` is sent with each call. `proto` is the path of the contract.
   */
  constructor(address, { ca, token, proto = PROTO } = {}) {
    const contract = protoLoader.loadSync(proto, {
      keepCase: true,
      // Ids, times and regions have 64 bits, and a number of JavaScript only 53.
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
    });
    const { SegmentationService } = grpc.loadPackageDefinition(contract).edgeseg.v1;
    const credentials = ca ? grpc.credentials.createSsl(ca) : grpc.credentials.createInsecure();
    this.client = new SegmentationService(address, credentials, {
      // gRPC's default is 4 MiB; the labels of a large frame have more bytes.
      "grpc.max_receive_message_length": -1,
      "grpc.enable_http_proxy": 0,
    });
    this.token = token;
  }

  /** What the daemon is, serves and accepts; throws the call's error. */
  info(deadline) {
    return this.#unary("GetServerInfo", {}, deadline);
  }

  /**
   * The response for one image; throws the call's error.
   *
   * While the daemon has no room or no engine, it is sent again, not before the time that the
   * daemon asks for, and not after `deadline`.
   */
  async segmentImage(frame, options, deadline = Infinity) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#unary("SegmentImage", { frame: timed(frame), options }, deadline);
      } catch (error) {
        const wait = retryDelay(error);
        if (wait === null || attempt === MAX_ATTEMPTS || Date.now() + wait >= deadline) {
          throw error;
        }
        await sleep(wait);
      }
    }
  }

  /**
   * The responses to `frames`, an iterable that may be asynchronous; throws the call's error.
   *
   * The next frame is taken when the last one is on its way, so a camera should give its newest.
   */
  async *stream(frames, options, deadline = Infinity) {
    const call = this.client.Segment(this.#metadata(), { deadline });
    const sender = new Sender(call);
    const sending = sender.run(frames, options);
    sending.catch(() => {}); // thrown below, when the frames before are answered
    try {
      for await (const response of call) yield response;
      await sending;
    } finally {
      sender.stop();
      call.cancel();
    }
  }

  close() {
    this.client.close();
  }

  #unary(method, request, deadline = Infinity) {
    return new Promise((resolve, reject) => {
      this.client[method](request, this.#metadata(), { deadline }, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
  }

  #metadata() {
    const metadata = new grpc.Metadata();
    if (this.token) metadata.set("authorization", `Bearer ${this.token}`);
    return metadata;
  }
}

/** Sends the messages of a stream, one after another, as flow control allows. */
class Sender {
  #call;
  #stopped = false;
  #wake = () => {};

  constructor(call) {
    this.#call = call;
  }

  /** Sends the options and the frames. */
  async run(frames, options) {
    this.#call.write({ options });
    try {
      for await (const frame of frames) {
        const message = { frame: timed(frame) };
        if (!(await this.#until((done) => this.#call.write(message, done)))) return;
      }
    } finally {
      this.#call.end();
    }
  }

  /** Call it when the call has ended. */
  stop() {
    this.#stopped = true;
    this.#wake();
  }

  /** Resolves with true when `start`'s argument is called, with false when the call has ended. */
  #until(start) {
    return new Promise((resolve) => {
      this.#wake = () => resolve(false);
      if (this.#stopped) this.#wake();
      else start(() => resolve(true));
    });
  }
}

/** The message of a frame that is sent now; `capturedAt` is by the clock of performance.now(). */
function timed({ capturedAt, ...frame }) {
  if (capturedAt === undefined) return frame;
  return { ...frame, age_us: Math.max(0, Math.round((performance.now() - capturedAt) * 1000)) };
}

/** After how many milliseconds to send the call again; null: not at all. */
function retryDelay(error) {
  const [wanted] = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
  if (wanted !== undefined) return Number(wanted) * (1 + Math.random() / 2);
  return error.code === grpc.status.UNAVAILABLE ? RETRY_MS : null;
}
