// Asking. A dialog of the browser's own keeps the keyboard inside, closes with Escape, and gives the focus back.

import { h } from './dom.js';

/**
 * Resolves to the form's values, or null where it was cancelled. Fields: [{ name, label, kind, value, hint, required, options, min }].
 * act(values) is tried before it closes; its error is shown and the dialog stays.
 */
export function ask({ title, text, fields = [], action, isDangerous = false, act }) {
  return new Promise(resolve => {
    const error = h('p', { class: 'form-error', role: 'alert' });
    const cancel = h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel');
    const submit = h('button', { type: 'submit', class: isDangerous ? 'button danger' : 'button primary' }, action);
    const form = h('form', { method: 'dialog' },
      h('h2', { id: 'dialog-title' }, title), text && h('p', null, text), fields.map(field), error, h('div', { class: 'buttons' }, cancel, submit));
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
    let result = null;
    form.addEventListener('submit', async event => {
      event.preventDefault();
      const values = Object.fromEntries(new FormData(form));
      submit.disabled = true;
      error.textContent = '';
      try {
        await act?.(values);
        result = values;
        dialog.close();
      } catch (e) {
        error.textContent = e.message;
        submit.disabled = false;
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    // The safe way is the nearest one.
    if (fields.length === 0) cancel.focus();
  });
}

function field({ name, label, kind = 'text', value = '', hint, required = false, options, placeholder, min = 0 }) {
  const attributes = { name, id: `field-${name}`, required, placeholder, 'aria-describedby': hint ? `hint-${name}` : null, autocomplete: 'off', spellcheck: 'false' };
  let input;
  if (kind === 'area') {
    input = h('textarea', { ...attributes, rows: 8 });
    input.value = value;
  } else {
    input = h('input', { ...attributes, type: kind, value, list: options ? `list-${name}` : null, min: kind === 'number' ? min : null, step: kind === 'number' ? 'any' : null });
  }
  return h('label', { class: 'field', for: attributes.id }, h('span', null, label), input,
    options && h('datalist', { id: `list-${name}` }, options.map(o => h('option', { value: o }))), hint && h('small', { id: `hint-${name}` }, hint));
}
