// What picture.mjs needs from the sources.
export { collect } from './collect.js';
export { GRID, pageHeight } from './grid.js';
