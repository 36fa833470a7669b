// What Inworld's own example does with a session, from the first event on; `ws` is a WebSocket of either kind.
import { Microphone } from './microphone.mjs';
import { report } from './weather.mjs';

export const address = process.env.OPENAI_BASE_URL.replace('https:', 'wss:').replace(/\/v1$/, '');
export const key = process.env.OPENAI_API_KEY;

export function talk(ws) {
  const microphone = new Microphone();
  let audioBytes = 0;
  const play = (audio) => (audioBytes += audio.length);

  ws.addEventListener('message', async ({ data }) => {
    const event = JSON.parse(data);
    switch (event.type) {
      case 'session.created':
        ws.send(
          JSON.stringify({
            type: 'session.update',
            session: {
              type: 'realtime',
              modelId: process.env.MODEL,
              instructions: 'You are a friendly voice agent.',
              output_modalities: ['audio', 'text'],
              audio: {
                input: {
                  turn_detection: {
                    type: 'semantic_vad',
                    eagerness: 'medium',
                    create_response: true,
                    interrupt_response: true,
                  },
                },
                output: { model: 'inworld-tts-1.5-max', voice: 'Liam' },
              },
            },
          }),
        );
        break;
      case 'session.updated':
        report({ session: event.session });
        microphone.play('SPEECH');
        for await (const chunk of microphone) {
          ws.send(JSON.stringify({ type: 'input_audio_buffer.append', audio: chunk.toString('base64') }));
        }
        break;
      case 'response.output_audio.delta':
        play(Buffer.from(event.delta, 'base64'));
        break;
      case 'response.done':
        report({ answer: event.response.output[0].content[0].transcript, audio_bytes: audioBytes });
        microphone.turnOff();
        ws.close();
        break;
      case 'error':
        report({ error: event.error });
        microphone.turnOff();
        ws.close();
        break;
    }
  });
}
