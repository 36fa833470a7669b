// A moderation gate: a backend sees what you said before the agent does, and decides whether it is answered.
//
//   node moderation_gate.mjs speech.wav darn heck
//
// The app's session answers nothing by itself (`create_response` is false). The backend attaches to it by its call
// id, with the API key, and either asks for the answer or removes what was said. Here both run in one program; in
// yours the app tells the backend its call id. The WAV file (16-bit mono) is what you say; turns with one of the
// given words are removed.
import { readFileSync } from 'node:fs';

const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');
const key = `openai-insecure-api-key.${process.env.ANTIPHON_API_KEY}`;
const [path, ...banned] = process.argv.slice(2);

function connect(query, handle) {
  const socket = new WebSocket(`${url}/realtime?${query}`, ['realtime', key]);
  const send = (event) => socket.send(JSON.stringify(event));
  socket.onerror = () => {
    throw new Error(`No connection to ${url}`);
  };
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === 'error') throw new Error(event.error.message);
    handle(event, send);
  };
  return socket;
}

function speak(send) {
  const wav = readFileSync(path);
  const rate = wav.readUInt32LE(24);
  const input = {
    format: { type: 'audio/pcm', rate },
    transcription: { model: 'whisper-1' },
    turn_detection: { type: 'server_vad', silence_duration_ms: 600, create_response: false },
  };
  send({ type: 'session.update', session: { type: 'realtime', audio: { input } } });
  const withSilence = Buffer.concat([wav.subarray(44), Buffer.alloc(rate * 2)]);
  send({ type: 'input_audio_buffer.append', audio: withSilence.toString('base64') });
}

function moderate(event, send) {
  if (event.type !== 'conversation.item.input_audio_transcription.completed') return;
  console.log('backend heard:', event.transcript);
  const words = event.transcript.toLowerCase().match(/\w+/g) ?? [];
  if (words.some((word) => banned.includes(word))) {
    console.log('backend: removed');
    send({ type: 'conversation.item.delete', item_id: event.item_id });
  } else {
    console.log('backend: allowed');
    send({ type: 'response.create' });
  }
}

let sideband;
const app = connect('model=gpt-realtime', (event, sendAsApp) => {
  if (event.type === 'session.created') {
    sideband = connect(`call_id=${event.session.call_id}`, (told, send) => {
      if (told.type === 'session.created') speak(sendAsApp);
      moderate(told, send);
    });
  } else if (event.type === 'response.output_audio_transcript.done') {
    console.log('agent:', event.transcript);
  } else if (event.type === 'response.done' || event.type === 'conversation.item.deleted') {
    sideband.close();
    app.close();
  }
});
