// `openai` for Node with the `ws` package: hands-free, and the user talks over an answer.
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { interrupt, listen, say, speak } from './openai_conversation.mjs';
import { Microphone } from './microphone.mjs';
import { GET_WEATHER, report } from './weather.mjs';

const rt = new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI());
rt.on('error', (error) => {
  throw error;
});

let audioBytes = 0;
rt.on('response.output_audio.delta', ({ delta }) => {
  audioBytes += Buffer.from(delta, 'base64').length;
});

rt.socket.on('open', async () => {
  rt.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Be brief.',
      audio: {
        input: {
          transcription: { model: 'whisper-1' },
          turn_detection: { type: 'server_vad', silence_duration_ms: 600 },
        },
        output: { voice: 'marin' },
      },
      tools: [GET_WEATHER],
    },
  });
  const microphone = new Microphone();
  listen(rt, microphone);

  await say(rt, 'What is twelve times seven?');
  await say(rt, 'What is the weather in Paris?');
  await speak(rt, microphone, 'SPEECH');
  await interrupt(rt, 'Count to two hundred.', microphone, 'INTERRUPTION');
  report({ audio_bytes: audioBytes });
  microphone.turnOff();
  rt.close();
});
