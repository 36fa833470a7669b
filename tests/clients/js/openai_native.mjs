// `openai` for Node with the WebSocket that is built in, as in browsers: turns are ended by hand.
import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { recording } from './microphone.mjs';
import { answer, say } from './openai_conversation.mjs';
import { GET_WEATHER, report } from './weather.mjs';

const rt = new OpenAIRealtimeWebSocket({ model: 'gpt-realtime' }, new OpenAI());
rt.on('error', (error) => {
  throw error;
});

let audioBytes = 0;
rt.on('response.output_audio.delta', ({ delta }) => {
  audioBytes += Buffer.from(delta, 'base64').length;
});

rt.socket.addEventListener('open', async () => {
  report({ subprotocol: rt.socket.protocol });
  rt.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Be brief.',
      output_modalities: ['text'],
      audio: { input: { turn_detection: null, transcription: { model: 'whisper-1' } } },
      tools: [GET_WEATHER],
    },
  });
  await say(rt, 'What is twelve times seven?');
  await say(rt, 'What is the weather in Paris?');

  rt.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['audio'] } });
  rt.send({ type: 'input_audio_buffer.append', audio: recording('SPEECH').toString('base64') });
  rt.send({ type: 'input_audio_buffer.commit' });
  report({ answer: await answer(rt) });
  report({ audio_bytes: audioBytes });
  rt.close();
});
