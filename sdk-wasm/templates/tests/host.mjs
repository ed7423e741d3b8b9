// Stands in for the host when JavaScript of the templates runs in Node.js: `starling:plugin/NAME@0.1.0` becomes a module with the
// functions of `wit/NAME.wit`, each of which calls `globalThis.host['NAME.function']`.

import { readFileSync } from 'node:fs';

const SCHEME = /^starling:plugin\/([a-z]+)@0\.1\.0$/;

export async function resolve(specifier, context, next) {
  return SCHEME.test(specifier) ? { url: specifier, shortCircuit: true } : next(specifier, context);
}

export async function load(url, context, next) {
  const name = url.match(SCHEME)?.[1];
  if (name) return { format: 'module', source: standIn(name), shortCircuit: true };
  return url.endsWith('/templates/js/starling.js') ? next(url, { ...context, format: 'module' }) : next(url, context);
}

function standIn(name) {
  const wit = readFileSync(new URL(`../../wit/${name}.wit`, import.meta.url), 'utf8');
  const functions = Array.from(wit.matchAll(/^ {4}([a-z-]+): func/gm), ([, kebab]) => kebab.replace(/-(.)/g, (_, letter) => letter.toUpperCase()));
  return functions.map((camel) => `const f_${camel} = (...given) => globalThis.host['${name}.${camel}'](...given);\nexport { f_${camel} as ${camel} };`).join('\n');
}
