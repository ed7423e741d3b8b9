import { get, increment } from 'starling:plugin/kv@0.1.0';
import { reply, send } from 'starling:plugin/outbox@0.1.0';
import { bot, config, toText } from './starling.js';

const COUNTER = 'messages';

export const handler = bot({
  onMessage(message) {
    const count = increment(COUNTER, 1);
    reply(message.origin, `${config().greeting}! That was message number ${count}.`);
  },

  commands: {
    count: {
      help: 'Says how many messages I have had.',
      run({ message }) {
        const stored = get(COUNTER);
        send(message.origin.conversation, `Messages so far: ${stored ? toText(stored) : 0}`);
      },
    },
  },
});
