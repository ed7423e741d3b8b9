// Makes the component: `node build.mjs`. The first time it fetches the compiler into node_modules; later it needs no network.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { chdir, exit, version } from 'node:process';
import { fileURLToPath } from 'node:url';

const ENTRY = 'bot.js';
const COMPILER = 'componentize-qjs';

chdir(dirname(fileURLToPath(import.meta.url)));
if (Number.parseInt(version.slice(1), 10) < 20) fail(`this needs Node.js 20 or newer, and here is ${version}`);
const { name, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
if (installed() !== devDependencies[COMPILER]) install();

const jsSource = readFileSync(ENTRY, 'utf8');
if (!/\bexport\b[^;=]*\bhandler\b/.test(jsSource)) fail(`${ENTRY} exports no handler: expected export const handler = bot({ … })`);
const { componentize } = await import(COMPILER);
const options = { witPath: 'wit', world: 'bot', jsPath: ENTRY, jsSource, moduleRoot: '.', sync: true };
const { component } = await componentize(options).catch((error) => fail(explained(error)));
mkdirSync('build', { recursive: true });
writeFileSync(`build/${name}.wasm`, component);
console.log(`build/${name}.wasm, ${Math.ceil(component.length / 1024)} KiB`);

/** The compiler's version in node_modules, if it is there. */
function installed() {
  try {
    return JSON.parse(readFileSync(`node_modules/${COMPILER}/package.json`, 'utf8')).version;
  } catch {
    return undefined;
  }
}

function install() {
  console.log('fetching what package.json names, once');
  const { status } = spawnSync('npm install --ignore-scripts --no-audit --no-fund --loglevel=error', { shell: true, stdio: 'inherit' });
  if (status === 127) fail('this needs npm, which comes with Node.js and is not on the PATH');
  if (status !== 0) fail('npm install failed: the first build needs the network');
}

/** What is wrong in the source, without the compiler's inner life. */
function explained(error) {
  if (error.message.includes('unknown import: `starling:plugin/')) {
    return `${ENTRY} calls the host while it is loaded: only functions given to bot() may`;
  }
  return error.message.replace(/^[\s:]*(Failed to [a-z A-Z]+: )*/, '').trim();
}

function fail(reason) {
  console.error(reason);
  exit(1);
}
