// What a user says over `openai/realtime/*`, whose classes share one interface: `rt` is an object of any of them.
import { report, weatherIn } from './weather.mjs';

/** Says something in writing, waits for the answer and reports it. */
export async function say(rt, text) {
  write(rt, text);
  report({ answer: await answer(rt) });
}

/** Asks for a response, does what it calls for, and gives what is said in the end. */
export async function answer(rt) {
  const done = rt.emitted('response.done');
  rt.send({ type: 'response.create' });
  const { output } = (await done).response;
  const calls = output.filter((item) => item.type === 'function_call');
  if (calls.length === 0) return spoken(output);
  for (const call of calls) {
    const args = JSON.parse(call.arguments);
    report({ called: call.name, arguments: args });
    rt.send({
      type: 'conversation.item.create',
      item: { type: 'function_call_output', call_id: call.call_id, output: weatherIn(args.city) },
    });
  }
  return answer(rt);
}

/** Sends what the microphone hears until it is turned off. */
export async function listen(rt, microphone) {
  for await (const chunk of microphone) {
    rt.send({ type: 'input_audio_buffer.append', audio: chunk.toString('base64') });
  }
}

/** Speaks into the microphone and waits for the answer that turn detection asks for. */
export async function speak(rt, microphone, recording) {
  const answered = new Promise((resolve) => {
    rt.on('response.done', function finish({ response }) {
      if (response.status === 'cancelled') return;
      rt.off('response.done', finish);
      resolve(spoken(response.output));
    });
  });
  microphone.play(recording);
  report({ answer: await answered });
}

/** Asks for something long and talks over it. What was not played by then never will be. */
export async function interrupt(rt, question, microphone, recording) {
  const playing = rt.emitted('response.output_audio.delta');
  write(rt, question);
  rt.send({ type: 'response.create' });
  const { item_id, content_index } = await playing;
  const began = Date.now();
  rt.once('input_audio_buffer.speech_started', () => {
    rt.send({ type: 'conversation.item.truncate', item_id, content_index, audio_end_ms: Date.now() - began });
  });
  await speak(rt, microphone, recording);
}

function write(rt, text) {
  rt.send({
    type: 'conversation.item.create',
    item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
  });
}

function spoken(output) {
  const [part] = output[0].content;
  return part.text ?? part.transcript;
}
