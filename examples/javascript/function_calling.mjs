// Function calling: the model asks for a function, your code runs it, and the answer tells its result.
//
//   node function_calling.mjs "What is the weather in Paris?"
const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');
const key = `openai-insecure-api-key.${process.env.ANTIPHON_API_KEY}`;

const FUNCTIONS = {
  get_weather: ({ city }) => ({ city, temperature_c: 18, conditions: 'sunny' }),
};
const TOOLS = [
  {
    type: 'function',
    name: 'get_weather',
    description: 'Get the current weather for a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];

const socket = new WebSocket(`${url}/realtime?model=gpt-realtime`, ['realtime', key]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onerror = () => {
  throw new Error(`No connection to ${url}`);
};

socket.onopen = () => {
  send({ type: 'session.update', session: { type: 'realtime', tools: TOOLS } });
  const content = [{ type: 'input_text', text: process.argv[2] }];
  send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
  send({ type: 'response.create' });
};

socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === 'error') throw new Error(event.error.message);
  if (event.type !== 'response.done') return;

  const calls = event.response.output.filter((item) => item.type === 'function_call');
  for (const { name, call_id, arguments: given } of calls) {
    console.log(`called: ${name}(${given})`);
    const output = JSON.stringify(FUNCTIONS[name](JSON.parse(given)));
    send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output } });
  }
  if (calls.length > 0) {
    send({ type: 'response.create' }); // once, when every call has its result
  } else {
    console.log('agent:', event.response.output[0].content[0].transcript);
    socket.close();
  }
};
