// Context trimming: a long conversation stays short for the model, and cheap.
//
//   node context_trimming.mjs "My name is Ada." "What is twelve times seven?" "What is my name?"
//
// Two ways, which go together. The server leaves the oldest items out of what the model sees once they have more
// tokens than you allow (`truncation`), keeping a part so that a provider's cache stays valid for some turns. And you
// may delete items: here, all but the newest four.
const KEPT = 4; // items

const url = (process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8000/v1').replace('http', 'ws');
const key = `openai-insecure-api-key.${process.env.ANTIPHON_API_KEY}`;
const questions = process.argv.slice(2);
const items = []; // ids, oldest first

const socket = new WebSocket(`${url}/realtime?model=gpt-realtime`, ['realtime', key]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onerror = () => {
  throw new Error(`No connection to ${url}`);
};

function ask() {
  const text = questions.shift();
  if (text === undefined) return socket.close();
  console.log('you:', text);
  const content = [{ type: 'input_text', text }];
  send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
  send({ type: 'response.create' });
}

socket.onopen = () => {
  const truncation = {
    type: 'retention_ratio',
    retention_ratio: 0.8,
    token_limits: { post_instructions: 8_000 },
  };
  send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'], truncation } });
  ask();
};

socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === 'conversation.item.added') {
    items.push(event.item.id);
  } else if (event.type === 'response.output_text.done') {
    console.log('agent:', event.text);
  } else if (event.type === 'error') {
    throw new Error(event.error.message);
  } else if (event.type === 'response.done') {
    console.log(`(${event.response.usage.input_tokens} tokens in)`);
    while (items.length > KEPT) send({ type: 'conversation.item.delete', item_id: items.shift() });
    ask();
  }
};
