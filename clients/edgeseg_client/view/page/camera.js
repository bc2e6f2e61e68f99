// The camera of this device: each frame is shown when its mask has come.

import { Card } from "./card.js";
import { socketAddress } from "./connection.js";
import { readMessage } from "./message.js";

const MAX_SIDE = 1280; // pixels
const QUALITY = 0.85;
const IN_FLIGHT = 2;
const RETRY_MS = 1000;
const REFUSED =
  "The browser gives pages of other machines its camera only over HTTPS: start the page with " +
  "--page-cert, or take a photo with “Picture…”.";

export class OwnCamera {
  #place;
  #card = null;
  #video = document.createElement("video");
  #canvas = document.createElement("canvas");
  #socket = null;
  #pictures = new Map();
  #number = 0;
  #unanswered = 0;
  #facing = "environment";
  #gone = false; // whether the camera was unplugged
  #asked = 0; // how often the browser was asked for a camera
  #failure = ""; // why the server ends the socket

  constructor(place) {
    this.#place = place;
    this.#video.muted = this.#video.playsInline = true;
    document.getElementById("own-camera").addEventListener("click", () => this.#start());
  }

  async #start() {
    if (this.#card) return;
    const card = new Card("This device’s camera", { onShown: () => this.#capture() });
    this.#card = card;
    this.#place(card, () => this.#stop());
    card.offer(".flip", () => this.#flip());
    if (!navigator.mediaDevices?.getUserMedia) {
      card.setState({ state: "failed", why: REFUSED });
      return;
    }
    if (await this.#openCamera()) this.#openSocket();
  }

  async #openCamera() {
    const card = this.#card;
    const number = (this.#asked += 1);
    const isWanted = () => this.#card === card && this.#asked === number;
    this.#gone = false;
    endTracks(this.#video.srcObject);
    try {
      const video = { facingMode: this.#facing, width: { ideal: MAX_SIDE }, height: { ideal: 720 } };
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      if (!isWanted()) { // it was closed, or another one wanted, while the browser asked
        endTracks(stream);
        return false;
      }
      for (const track of stream.getTracks()) track.onended = () => this.#unplugged(card);
      this.#video.srcObject = stream;
      await this.#video.play();
      return isWanted();
    } catch (error) {
      if (!isWanted()) return false;
      const why = error.name === "NotAllowedError" ? "The camera was not allowed." : `There is no camera that can be used: ${error.message}.`;
      card.setState({ state: "failed", why });
      return false;
    }
  }

  #unplugged(card) {
    if (this.#card !== card) return;
    this.#gone = true;
    card.setState({ state: "failed", why: "The camera was unplugged, or taken away." });
  }

  async #flip() {
    this.#facing = this.#facing === "environment" ? "user" : "environment";
    if (!(await this.#openCamera())) return;
    if (this.#socket) this.#captureAll();
    else this.#openSocket(); // the first camera could not be opened
  }

  #openSocket() {
    const socket = new WebSocket(socketAddress("camera"));
    this.#socket = socket;
    this.#failure = "";
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#pictures.clear();
      this.#unanswered = 0;
      this.#card?.forgetUnreported();
      this.#captureAll();
    };
    socket.onmessage = ({ data }) => this.#answered(data);
    socket.onclose = () => {
      if (!this.#card || socket !== this.#socket) return;
      if (!this.#failure) this.#card.setState({ state: "lost", why: "the page's server does not answer" });
      setTimeout(() => this.#card && this.#openSocket(), RETRY_MS);
    };
  }

  async #answered(data) {
    const none = typeof data === "string" ? JSON.parse(data) : null;
    if (none?.type === "error") {
      this.#failure = none.message;
      this.#card?.setState({ state: "failed", why: `${none.message}. It is tried again.` });
      return;
    }
    this.#unanswered -= 1;
    if (none) {
      this.#pictures.delete(none.frame_id);
      this.#capture();
      return;
    }
    const frame = readMessage(data);
    frame.picture = this.#pictures.get(frame.header.frame_id);
    this.#pictures.delete(frame.header.frame_id);
    if (this.#gone) return;
    frame.bytes += frame.picture.size;
    this.#card?.setState({ ...frame.header.feed, state: "live" });
    await this.#card?.add(frame);
  }

  #captureAll() {
    for (let number = this.#unanswered; number < IN_FLIGHT; number += 1) this.#capture();
  }

  async #capture() {
    if (!this.#card || this.#gone || this.#unanswered >= IN_FLIGHT || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#unanswered += 1;
    this.#number += 1;
    const number = this.#number;
    const socket = this.#socket;
    const jpeg = await this.#takePicture();
    if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
    if (!jpeg) { // the camera gives nothing yet
      this.#unanswered -= 1;
      setTimeout(() => this.#capture(), RETRY_MS);
      return;
    }
    this.#pictures.set(number, jpeg);
    const id = new Uint8Array(4);
    new DataView(id.buffer).setUint32(0, number, true);
    socket.send(new Blob([id, jpeg]));
  }

  async #takePicture() {
    await newFrame(this.#video);
    const { videoWidth: width, videoHeight: height } = this.#video;
    const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#canvas.getContext("2d").drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }

  #stop() {
    endTracks(this.#video.srcObject);
    this.#video.srcObject = null;
    this.#card = null;
    this.#socket?.close();
    this.#socket = null;
  }
}

/** Release the camera of a stream; null has none. */
function endTracks(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Wait for the camera's next picture. */
function newFrame(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else setTimeout(resolve, 33);
  });
}
