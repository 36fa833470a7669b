// `openai/beta/realtime/ws` for Node: the flat session and the event names of the beta, hands-free.
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/beta/realtime/ws';
import { listen, say, speak } from './openai_conversation.mjs';
import { Microphone } from './microphone.mjs';
import { GET_WEATHER, report } from './weather.mjs';

const rt = new OpenAIRealtimeWS({ model: 'gpt-4o-realtime-preview' }, new OpenAI());
rt.on('error', (error) => {
  throw error;
});

let audioBytes = 0;
rt.on('response.audio.delta', ({ delta }) => {
  audioBytes += Buffer.from(delta, 'base64').length;
});

rt.socket.on('open', async () => {
  rt.send({
    type: 'session.update',
    session: {
      instructions: 'Be brief.',
      modalities: ['text', 'audio'],
      voice: 'alloy',
      input_audio_format: 'pcm16',
      output_audio_format: 'pcm16',
      input_audio_transcription: { model: 'whisper-1' },
      turn_detection: { type: 'server_vad', silence_duration_ms: 600 },
      tools: [GET_WEATHER],
      tool_choice: 'auto',
      temperature: 0.8,
      max_response_output_tokens: 'inf',
    },
  });
  const microphone = new Microphone();
  listen(rt, microphone);

  await say(rt, 'What is twelve times seven?');
  await say(rt, 'What is the weather in Paris?');
  await speak(rt, microphone, 'SPEECH');
  report({ audio_bytes: audioBytes });
  microphone.turnOff();
  rt.close();
});
