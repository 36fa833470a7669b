// Push to talk: you decide when a turn begins and ends, not the server.
//
//   node push_to_talk.mjs question.wav
//
// The WAV file (16-bit mono) is what you say while the button is held.
import { readFileSync } from 'node:fs';

const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');
const key = `openai-insecure-api-key.${process.env.ANTIPHON_API_KEY}`;

const wav = readFileSync(process.argv[2]);
const rate = wav.readUInt32LE(24);
const pcm = wav.subarray(44);
let received = 0;

const socket = new WebSocket(`${url}/realtime?model=gpt-realtime`, ['realtime', key]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onerror = () => {
  throw new Error(`No connection to ${url}`);
};

function press() {
  send({ type: 'input_audio_buffer.clear' }); // nothing from before the button counts
}

function hold() {
  for (let start = 0; start < pcm.length; start += 4_800) {
    const audio = pcm.subarray(start, start + 4_800).toString('base64');
    send({ type: 'input_audio_buffer.append', audio });
  }
}

function release() {
  send({ type: 'input_audio_buffer.commit' });
  send({ type: 'response.create' });
}

socket.onopen = () => {
  const input = {
    format: { type: 'audio/pcm', rate },
    transcription: { model: 'whisper-1' },
    turn_detection: null,
  };
  send({ type: 'session.update', session: { type: 'realtime', audio: { input } } });
  press();
  hold();
  release();
};

socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === 'conversation.item.input_audio_transcription.completed') {
    console.log('you:', event.transcript);
  } else if (event.type === 'response.output_audio.delta') {
    received += Buffer.from(event.delta, 'base64').length;
  } else if (event.type === 'response.output_audio_transcript.done') {
    console.log('agent:', event.transcript);
  } else if (event.type === 'error') {
    throw new Error(event.error.message);
  } else if (event.type === 'response.done') {
    console.log(`${(received / 48_000).toFixed(1)} s of speech received`);
    socket.close();
  }
};
