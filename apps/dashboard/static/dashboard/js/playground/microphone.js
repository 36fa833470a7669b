import { encode } from "./pcm.js";

const CLEAN = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const ADVICE = {
  NotAllowedError:
    "The browser was not allowed to use the microphone. Allow it in the address bar's site settings, then press Talk again. You can type meanwhile.",
  NotFoundError: "No microphone was found. Plug one in, then press Talk again, or type instead.",
  NotReadableError: "The microphone is in use by another program. Close that program, then press Talk again.",
  OverconstrainedError: "The chosen microphone is gone. Choose another one, then press Talk again.",
};

/** What to tell somebody whose microphone can't be opened. */
export function microphoneAdvice(error) {
  return ADVICE[error.name] ?? `The microphone could not be opened: ${error.message}`;
}

/** The microphones to choose from; their names are known once one has been allowed. */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "audioinput");
}

/** The user's voice: `onaudio` gets base64, 30 ms at a time, unless it is muted. */
export class Microphone {
  muted = false;

  /** `device` is the id of one of `microphones()`, or empty for the usual one. */
  static async open({ device, onaudio, onended }) {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers open the microphone on pages with https only: use https, or localhost.");
    }
    const audio = device ? { ...CLEAN, deviceId: { exact: device } } : CLEAN;
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const context = new AudioContext();
    await context.audioWorklet.addModule(new URL("./microphone.worklet.js", import.meta.url));
    stream.getAudioTracks()[0].addEventListener("ended", onended);
    return new Microphone(stream, context, onaudio);
  }

  constructor(stream, context, onaudio) {
    [this.stream, this.context] = [stream, context];
    const source = context.createMediaStreamSource(stream);
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.node = new AudioWorkletNode(context, "microphone", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    source.connect(this.analyser);
    source.connect(this.node);
    this.node.port.onmessage = ({ data }) => {
      if (!this.muted) onaudio(encode(data));
    };
    context.resume();
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}
