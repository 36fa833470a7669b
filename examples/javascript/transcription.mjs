// Transcription: a session that only listens. The words come while they are spoken, the final text after each turn.
//
//   node transcription.mjs speech.wav
//
// The WAV file (16-bit mono) is sent at the pace of a microphone.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');
const key = `openai-insecure-api-key.${process.env.ANTIPHON_API_KEY}`;

const wav = readFileSync(process.argv[2]);
const rate = wav.readUInt32LE(24);
const pcm = Buffer.concat([wav.subarray(44), Buffer.alloc(rate * 2)]);
const turns = new Set(); // that have no text yet

const socket = new WebSocket(`${url}/realtime?intent=transcription`, ['realtime', key]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onerror = () => {
  throw new Error(`No connection to ${url}`);
};

/** Silence follows until every turn has its text. */
async function speak() {
  const frame = (rate / 50) * 2; // bytes of 20 ms
  const start = performance.now();
  for (let n = 0; n * frame < pcm.length || turns.size > 0; n++) {
    const heard = Buffer.concat([pcm.subarray(n * frame, (n + 1) * frame)], frame); // filled up with silence
    send({ type: 'input_audio_buffer.append', audio: heard.toString('base64') });
    await sleep(start + (n + 1) * 20 - performance.now());
  }
  socket.close();
}

socket.onopen = () => {
  const input = {
    format: { type: 'audio/pcm', rate },
    transcription: { model: 'whisper-1', language: 'en' },
    turn_detection: { type: 'server_vad', silence_duration_ms: 600 },
  };
  send({ type: 'session.update', session: { type: 'transcription', audio: { input } } });
  speak();
};

socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === 'input_audio_buffer.speech_started') {
    turns.add(event.item_id);
  } else if (event.type === 'conversation.item.input_audio_transcription.delta') {
    console.log('so far: ...' + event.delta);
  } else if (event.type === 'conversation.item.input_audio_transcription.completed') {
    console.log('final:', event.transcript);
    turns.delete(event.item_id);
  } else if (event.type === 'error') {
    throw new Error(event.error.message);
  }
};
