// The page of what the doctor finds.

import { read } from './api.js';
import { h, setText } from './dom.js';
import { queueLink } from './overview.js';

export function doctorPage() {
  const words = h('p', { class: 'muted', role: 'status' });
  const findings = h('ol', { class: 'findings' });
  const again = h('button', { type: 'button', class: 'button', onclick: examine }, 'Examine again');
  const error = h('p', { class: 'form-error', role: 'alert' });

  async function examine() {
    again.disabled = true;
    setText(words, 'Examining …');
    setText(error, '');
    try {
      const diagnosis = await read('doctor', {});
      findings.replaceChildren(...diagnosis.findings.map(finding));
      const queues = diagnosis.queues === 1 ? '1 queue' : `${diagnosis.queues} queues`;
      setText(words, diagnosis.findings.length === 0 ? `Nothing was found. The server and ${queues} were examined.` : `The server and ${queues} were examined.`);
    } catch (e) {
      setText(words, '');
      setText(error, e.message);
    } finally {
      again.disabled = false;
    }
  }

  examine();
  return {
    title: 'Doctor',
    element: h('div', null, h('div', { class: 'title' }, h('h1', null, 'Doctor'), h('div', { class: 'buttons' }, again)), words, error, findings),
    stop: () => {},
  };
}

function finding({ severity, check, queue, title, evidence, remedy }) {
  return h('li', null,
    h('header', null, h('span', { class: `badge severity ${severity.toLowerCase()}` }, severity.toLowerCase()), h('strong', null, title),
      queue && h('a', { href: queueLink(queue) }, queue)),
    h('dl', { class: 'facts' }, h('dt', null, 'Seen'), h('dd', null, evidence), h('dt', null, 'Remedy'), h('dd', null, h('pre', { class: 'json', tabindex: '0' }, remedy)),
      h('dt', null, 'Check'), h('dd', { class: 'mono' }, check)));
}
