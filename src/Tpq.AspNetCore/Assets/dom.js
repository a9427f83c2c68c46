// Elements. Text goes in as text: nothing here reads HTML, so no payload can become a part of the page.

const svgNamespace = 'http://www.w3.org/2000/svg';

/** h('a', { href: '#/', class: 'x', onclick: f }, 'text', child) */
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(svgNamespace, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined && c !== false));
  return element;
}

/** Sets a text only where it is another one: the browser need not lay out what has not changed. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setClass(element, name, on) {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on);
}

/** Says something for some seconds. */
export function toast(text, isError = false) {
  const element = h('p', { class: isError ? 'toast error' : 'toast' }, text);
  document.getElementById('toasts').append(element);
  setTimeout(() => element.remove(), isError ? 8000 : 4000);
}
