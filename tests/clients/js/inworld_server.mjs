// Inworld's example for servers: the key is that of HTTP's basic authentication, the address names the session.
import WebSocket from 'ws';
import { address, key, talk } from './inworld.mjs';

talk(
  new WebSocket(`${address}/api/v1/realtime/session?key=voice-${Date.now()}&protocol=realtime`, {
    headers: { Authorization: `Basic ${key}` },
  }),
);
