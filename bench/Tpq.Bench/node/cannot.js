/** What a system does not have: a dash in the table. */
export const cannot = (reason) => Object.assign(new Error(reason), { notPossible: reason });
