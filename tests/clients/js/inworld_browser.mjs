// Inworld's example for browsers, whose WebSocket has no headers: the key goes into the address.
import { address, key, talk } from './inworld.mjs';

talk(new WebSocket(`${address}/api/v1/realtime/session?key=${key}&protocol=realtime`, ['realtime']));
