// A voice agent with turn taking: it listens all the time, answers when you pause, and stops when you talk over it.
//
//   node voice_agent.mjs question.wav [interruption.wav] reply.wav
//
// WAV files (16-bit mono, one rate) stand in for a microphone, the second one begins as soon as the agent speaks.
// What a loudspeaker would have played is written to the last.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');
const key = `openai-insecure-api-key.${process.env.ANTIPHON_API_KEY}`;
const files = process.argv.slice(2);
const reply = files.pop();

const wavs = files.map((file) => readFileSync(file));
const rate = wavs[0].readUInt32LE(24);
const spoken = wavs.map((wav) => wav.subarray(44));
let answered = false;
let [said, saidMs, itemId, began] = [[], 0, '', 0];

const socket = new WebSocket(`${url}/realtime?model=gpt-realtime`, ['realtime', key]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onerror = () => {
  throw new Error(`No connection to ${url}`);
};

/** Sends recordings at a microphone's pace, each after the first one over the agent's voice, then silence. */
async function listen() {
  const frame = (rate / 50) * 2; // bytes of 20 ms
  const start = performance.now();
  let recording = spoken.shift();
  for (let n = 1; recording.length || spoken.length || !answered; n++) {
    if (spoken.length && itemId) recording = spoken.shift();
    const heard = Buffer.concat([recording.subarray(0, frame)], frame); // filled up with silence
    recording = recording.subarray(frame);
    send({ type: 'input_audio_buffer.append', audio: heard.toString('base64') });
    await sleep(Math.max(0, start + n * 20 - performance.now()));
  }
  socket.close();
}

socket.onopen = () => {
  const input = {
    format: { type: 'audio/pcm', rate },
    transcription: { model: 'whisper-1' },
    turn_detection: { type: 'server_vad', silence_duration_ms: 600 },
  };
  send({ type: 'session.update', session: { type: 'realtime', audio: { input } } });
  listen();
};

socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === 'input_audio_buffer.speech_started') {
    answered = false;
    const heardMs = Math.floor(performance.now() - began);
    if (itemId && heardMs < saidMs) {
      console.log(`(you talk over it after ${heardMs} ms)`); // what was not played never will be
      said = [Buffer.concat(said).subarray(0, heardMs * 48)];
      send({ type: 'conversation.item.truncate', item_id: itemId, content_index: 0, audio_end_ms: heardMs });
    }
  } else if (event.type === 'conversation.item.input_audio_transcription.completed') {
    console.log('you:', event.transcript);
  } else if (event.type === 'response.output_audio.delta') {
    if (event.item_id !== itemId) [said, saidMs, itemId, began] = [[], 0, event.item_id, performance.now()];
    said.push(Buffer.from(event.delta, 'base64'));
    saidMs += said.at(-1).length / 48;
  } else if (event.type === 'response.done') {
    const parts = event.response.output.flatMap((item) => item.content);
    console.log('agent:', ...parts.map((part) => part.transcript));
    answered = event.response.status !== 'cancelled';
  } else if (event.type === 'error') {
    throw new Error(event.error.message);
  }
};

socket.onclose = () => {
  const pcm = Buffer.concat(said);
  const header = Buffer.from(wavs[0].subarray(0, 44)); // with other numbers: sizes, and 24 kHz
  const numbers = { 4: pcm.length + 36, 24: 24_000, 28: 48_000, 40: pcm.length };
  for (const [at, number] of Object.entries(numbers)) header.writeUInt32LE(number, Number(at));
  writeFileSync(reply, Buffer.concat([header, pcm]));
  console.log(`${(pcm.length / 48_000).toFixed(1)} s of it are in ${reply}`);
};
