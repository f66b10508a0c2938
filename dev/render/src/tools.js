// The functions that picture.mjs uses.
export { collect } from './collect.js';
export { GRID, pageHeight } from './grid.js';
