// `starling.js` of the JavaScript template, in Node.js: `node --test sdk-wasm/templates/tests/starling.test.mjs`.

import assert from 'node:assert/strict';
import { register } from 'node:module';
import { beforeEach, test } from 'node:test';

register('./host.mjs', import.meta.url);
const { bot, config, hostError, reject, retry, toBytes, toText } = await import('../js/starling.js');

const NEVER = 0xffff_ffff;
let sent;

beforeEach(() => {
  sent = [];
  globalThis.host = { 'outbox.send': (to, body) => sent.push([to, body]), 'config.getAll': () => '{"greeting":"Hi"}' };
  console.warn = console.error = () => {};
});

/** An error as the engine throws it for a host call that was refused. */
function refusal(tag, val) {
  return Object.assign(new Error('[object Object]'), { payload: { tag, val } });
}

/** What the contract is told when a bot's function throws that. */
function failureOf(error) {
  const { onMessage } = bot({ onMessage() { throw error; } });
  try {
    onMessage({});
  } catch (failure) {
    return failure;
  }
  return undefined;
}

function command(name, ...words) {
  return { name, arguments: words, message: { origin: { conversation: '05aa' } } };
}

test('every function of the contract is there and may be left out', () => {
  const handler = bot({});

  const answers = ['onStart', 'onMessage', 'onCommand', 'onEvent', 'onTimer', 'migrate'].map((name) => handler[name]('x'));

  assert.deepEqual(answers, Array(6).fill(undefined));
});

test('a misspelt function is refused when the bot is made', () => {
  assert.throws(() => bot({ onMesage() {} }), /bot has no onMesage: expected commands, onStart, onMessage/);
  assert.throws(() => bot({ commands: { count() {} } }), /the command count is none/);
});

test('retry and reject reach the host as the contract has them', () => {
  assert.deepEqual(failureOf(retry(1500.2, 'later')), { tag: 'retry', val: 1501 });
  assert.deepEqual(failureOf(retry(Infinity)), { tag: 'retry', val: 0x7fff_ffff });
  assert.deepEqual(failureOf(reject('no')), { tag: 'reject', val: 'no' });
  assert.deepEqual(failureOf({ tag: 'retry', val: 7 }), { tag: 'retry', val: 7 });
  assert.throws(() => retry('soon'), /retry was given soon: expected milliseconds/);
});

test('a refused host call is retried when that can help, and else rejected', () => {
  assert.deepEqual(failureOf(refusal('quota-exceeded', 5000)), { tag: 'retry', val: 5000 });
  assert.deepEqual(failureOf(refusal('other', 'disk')), { tag: 'retry', val: 0 });
  for (const [tag, val, words] of [
    ['access-denied', undefined, 'the grant is missing'],
    ['quota-exceeded', NEVER, 'more than the quota allows'],
    ['quota-exceeded', -1, 'more than the quota allows'],
    ['invalid-argument', 'the text is empty', 'invalid-argument: the text is empty'],
    ['not-found', undefined, 'there is no such thing'],
  ]) {
    const failure = failureOf(refusal(tag, val));
    assert.equal(failure.tag, 'reject');
    assert.ok(failure.val.startsWith(words), failure.val);
  }
});

test('a mistake in the bot is rejected with its line', () => {
  const failure = failureOf(new TypeError('x is not a function'));

  assert.match(failure.val, /^TypeError: x is not a function \(starling\.test\.mjs:\d+:\d+\)$/);
  assert.equal(failureOf('just a text').val, 'just a text');
  assert.equal(failureOf(undefined).val, 'undefined');
  assert.ok(failureOf(new Error('x'.repeat(5000))).val.length <= 1000);
});

test('a function that is async is rejected, for nobody would wait for it', () => {
  const { onTimer } = bot({ async onTimer() {} });

  assert.throws(() => onTimer('x'), (failure) => failure.tag === 'reject' && failure.val.includes('onTimer is async'));
});

test('the error of a host can be told from others', () => {
  assert.deepEqual(hostError(refusal('not-found')), { tag: 'not-found', val: undefined });
  assert.deepEqual(hostError(refusal('quota-exceeded', -1)), { tag: 'quota-exceeded', val: NEVER });
  assert.equal(hostError(new Error('x')), undefined);
  assert.equal(hostError(null), undefined);
});

test('a command runs by its name, and help lists what there is', () => {
  const asked = [];
  const { onCommand } = bot({ commands: { count: { help: 'Counts.', run: (it) => asked.push(it.arguments) } } });

  onCommand(command('count', 'a b'));
  onCommand(command('help'));
  onCommand(command('constructor'));

  assert.deepEqual(asked, [['a b']]);
  assert.deepEqual(sent, [['05aa', '/count – Counts.'], ['05aa', 'I do not know that command. I know:\n/count – Counts.']]);
});

test('a command that is not in the table goes to onCommand', () => {
  const asked = [];
  const { onCommand } = bot({ commands: {}, onCommand: (it) => asked.push(it.name) });

  onCommand(command('dance'));

  assert.deepEqual([asked, sent], [['dance'], []]);
});

test('texts become bytes and texts again', () => {
  const text = 'grüße 👋\0';

  assert.deepEqual(toBytes(text), new TextEncoder().encode(text));
  assert.equal(toText(toBytes(text)), text);
  assert.equal(toText(toBytes(text.repeat(1000))), text.repeat(1000));
  assert.throws(() => toText(Uint8Array.of(0xff, 0xfe)), URIError);
});

test('the config is what the host has', () => {
  assert.deepEqual(config(), { greeting: 'Hi' });
});

test('random numbers are the host\'s, from zero to below one', () => {
  globalThis.host['random.bytes'] = (n) => new Uint8Array(n).fill(255);
  assert.ok(Math.random() < 1 && Math.random() > 0.999);
  globalThis.host['random.bytes'] = (n) => new Uint8Array(n);
  assert.equal(Math.random(), 0);
});
