// What makes a bot in JavaScript short. The host itself is imported from `starling:plugin/…@0.1.0`; `wit/` says what there is.
//
// Every host call answers at once, so nothing here is async. A host call that is refused throws: leave it alone, and the
// event fails as it should, or catch it and ask `hostError`.

import { getAll } from 'starling:plugin/config@0.1.0';
import { write } from 'starling:plugin/log@0.1.0';
import { send } from 'starling:plugin/outbox@0.1.0';
import { bytes } from 'starling:plugin/random@0.1.0';

const CALLS = ['onStart', 'onMessage', 'onCommand', 'onEvent', 'onTimer', 'migrate'];
const LOG_LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' };
const LARGEST_U32 = 0xffff_ffff;
const LONGEST_WAIT = 0x7fff_ffff; // The engine hands over no larger u32.
const LONGEST_REASON = 1000;
const CHUNK = 4096;

/**
 * Makes the `handler` that the host calls. Each function may be left out: `onStart()`, `onMessage(message)`,
 * `onCommand(command)`, `onEvent(event)`, `onTimer(name)`, `migrate(fromVersion)`.
 *
 * `commands` is a table: `{ count: { help: 'Says …', run(command) {} } }`. `/count` runs that, `/help` lists the table; what is
 * not in it goes to `onCommand`, or is answered with the list.
 */
export function bot({ commands, ...functions }) {
  const unknown = Object.keys(functions).find((name) => !CALLS.includes(name));
  if (unknown) throw new TypeError(`bot has no ${unknown}: expected commands, ${CALLS.join(', ')}`);
  if (commands) functions.onCommand = commandRunner(commands, functions.onCommand);
  return Object.fromEntries(CALLS.map((name) => [name, (argument) => guarded(name, functions[name], argument)]));
}

/** To be thrown: offers the event again, not before so many milliseconds have passed. What the call changed is undone. */
export function retry(after, reason = 'to be retried') {
  if (!(after >= 0)) throw new TypeError(`retry was given ${after}: expected milliseconds`);
  return new Failure('retry', Math.min(Math.ceil(after), LONGEST_WAIT), reason);
}

/** To be thrown: puts the event into quarantine with this reason. What the call changed is undone. */
export function reject(reason) {
  return new Failure('reject', String(reason).slice(0, LONGEST_REASON), reason);
}

/**
 * What the host said when it refused a call: `{ tag, val }`, where the tag is `access-denied`, `quota-exceeded` (`val`:
 * milliseconds), `invalid-argument` (`val`: a text), `not-found` or `other` (`val`: a text). Nothing for any other error.
 */
export function hostError(error) {
  if (!(error instanceof Error) || typeof error.payload?.tag !== 'string') return undefined;
  const { tag, val } = error.payload;
  return { tag, val: tag === 'quota-exceeded' ? val >>> 0 : val }; // The engine shows the upper half of u32 as negative.
}

/** What the operator set for this plugin, over the `[config]` of plugin.toml. */
export function config() {
  return JSON.parse(getAll());
}

/** The UTF-8 of a text, for the store and for requests. */
export function toBytes(text) {
  const units = unescape(encodeURIComponent(text));
  const utf8 = new Uint8Array(units.length);
  for (let index = 0; index < units.length; index += 1) utf8[index] = units.charCodeAt(index);
  return utf8;
}

/** The text that bytes of UTF-8 are. */
export function toText(utf8) {
  let units = '';
  for (let from = 0; from < utf8.length; from += CHUNK) units += String.fromCharCode(...utf8.subarray(from, from + CHUNK));
  return decodeURIComponent(escape(units));
}

class Failure extends Error {
  constructor(tag, val, reason) {
    super(reason);
    Object.assign(this, { tag, val });
  }
}

function commandRunner(commands, otherwise) {
  const table = new Map(Object.entries(commands));
  for (const [name, entry] of table) {
    if (typeof entry?.run !== 'function' || typeof entry.help !== 'string') {
      throw new TypeError(`the command ${name} is none: expected { help: 'Says …', run(command) {} }`);
    }
  }
  return (command) => {
    const entry = table.get(command.name);
    if (entry) return entry.run(command);
    if (otherwise && command.name !== 'help') return otherwise(command);
    const lines = Array.from(table, ([name, { help }]) => `/${name} – ${help}`);
    if (command.name !== 'help') lines.unshift('I do not know that command. I know:');
    send(command.message.origin.conversation, lines.join('\n'));
  };
}

/** Runs a function of the bot, and throws what the contract understands. */
function guarded(name, run, argument) {
  try {
    const answer = run?.(argument);
    if (typeof answer?.then === 'function') throw reject(`${name} is async: host calls answer at once, so leave async out`);
  } catch (error) {
    throw asFailure(error);
  }
}

function asFailure(error) {
  if (error?.tag === 'retry' || error?.tag === 'reject') {
    if (error.message) console.warn(error.message);
    return { tag: error.tag, val: error.val };
  }
  const refused = hostError(error);
  const reason = `${refused ? inWords(refused) : error}${place(error)}`;
  console.error(reason);
  if (refused?.tag === 'quota-exceeded' && refused.val < LARGEST_U32) return { tag: 'retry', val: refused.val };
  if (refused?.tag === 'other') return { tag: 'retry', val: 0 };
  return { tag: 'reject', val: reason.slice(0, LONGEST_REASON) };
}

function inWords({ tag, val }) {
  if (tag === 'access-denied') return 'the grant is missing, or does not reach so far';
  if (tag === 'not-found') return 'there is no such thing';
  if (tag !== 'quota-exceeded') return `${tag}: ${val}`;
  return val < LARGEST_U32 ? `the quota is used up, there is more after ${val} ms` : 'more than the quota allows in one call';
}

/** Where it was thrown, as in ` (bot.js:12:5)`: the first place outside of this file. */
function place(error) {
  const places = String(error?.stack ?? '').match(/[^/\s()]+\.m?js:\d+(:\d+)?/g) ?? [];
  const own = places.find((found) => !found.startsWith('starling.js:'));
  return own ? ` (${own})` : '';
}

function shown(value) {
  if (value instanceof Error) return `${value}${place(value)}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function logger(level) {
  return (...values) => {
    try {
      write(level, values.map(shown).join(' '));
    } catch (error) {
      if (!hostError(error)) throw error;
    }
  };
}

// Lines of `console` go to the plugin's log. Without the grant `log` they go nowhere.
globalThis.console ??= Object.fromEntries(Object.entries(LOG_LEVELS).map(([name, level]) => [name, logger(level)]));

// The engine's own generator would begin anew in every call. This one is the host's, and needs the grant `random`.
Math.random = () => bytes(6).reduce((sum, byte) => (sum + byte) / 256, 0);
