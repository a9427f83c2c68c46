// Shows JSON with line breaks and colours, and every digit and escape as it was sent: it is read by its marks, not parsed.

import { h } from './dom.js';

const token = /\s+|[{}[\],:]|"(?:[^"\\]|\\.)*"?|[^\s{}[\],:"]+/gy;

/** A <pre> of the text. What is no JSON (a payload that was cut off) is shown as far as it goes. */
export function pretty(text) {
  const result = h('pre', { class: 'json', tabindex: '0' });
  let depth = 0, line = '';
  let last = '';
  const write = (part, name) => {
    if (line) result.append(line);
    line = '';
    result.append(name ? h('span', { class: name }, part) : part);
  };
  const tokens = (text.match(token) ?? []).filter(t => t.trim() !== '');
  tokens.forEach((t, i) => {
    const next = tokens[i + 1];
    if (t === '{' || t === '[') {
      line += t;
      if (next !== '}' && next !== ']') line += `\n${indent(++depth)}`;
      else depth++;
    } else if (t === '}' || t === ']') {
      depth = Math.max(0, depth - 1);
      line += last === '{' || last === '[' ? t : `\n${indent(depth)}${t}`;
    } else if (t === ',') line += `,\n${indent(depth)}`;
    else if (t === ':') line += ': ';
    else if (t[0] === '"') write(t, next === ':' ? 'key' : 'string');
    else write(t, 'number');
    last = t;
  });
  if (line) result.append(line);
  return result;
}

function indent(depth) {
  return '  '.repeat(Math.min(depth, 40));
}
