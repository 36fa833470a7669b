// PCM16, little endian, mono, as the protocol carries it: in base64.
export const RATE = 24_000;
const CHUNK = 0x8000; // arguments that one call can take

export const milliseconds = (samples) => Math.floor((samples * 1000) / RATE);

export function encode(pcm) {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

/** Samples from -1 to 1. */
export function decode(base64) {
  const binary = atob(base64);
  const bytes = new DataView(new ArrayBuffer(binary.length));
  for (let at = 0; at < binary.length; at++) bytes.setUint8(at, binary.charCodeAt(at));
  return Float32Array.from({ length: binary.length >> 1 }, (_, n) => bytes.getInt16(n * 2, true) / 0x8000);
}

/** 16 bits from samples that should be from -1 to 1; louder ones are clipped. */
export function quantise(samples) {
  return Int16Array.from(samples, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 0x7fff));
}
