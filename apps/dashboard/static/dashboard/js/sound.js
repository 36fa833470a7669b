// Sound as it is in events: base64 of PCM16 or of G.711, to numbers between -1 and 1.
const MU = Float32Array.from({ length: 256 }, (_, code) => mu(code));
const A = Float32Array.from({ length: 256 }, (_, code) => a(code));

export function decode(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  if (type !== "audio/pcm") return Float32Array.from(bytes, (code) => (type === "audio/pcma" ? A : MU)[code]);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, n) => view.getInt16(2 * n, true) / 32768);
}

function mu(code) {
  const bits = ~code & 0xff;
  const size = ((((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84;
  return (bits & 0x80 ? -size : size) / 32768;
}

function a(code) {
  const bits = code ^ 0x55;
  const exponent = (bits & 0x70) >> 4;
  const size = exponent ? (((bits & 0x0f) << 4) + 0x108) << (exponent - 1) : ((bits & 0x0f) << 4) + 8;
  return (bits & 0x80 ? size : -size) / 32768;
}
