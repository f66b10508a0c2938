// The icons that the page uses.

const STROKE = 'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';
const icon = (path) =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g fill="none" ${STROKE}>${path}</g></svg>`;

export const ICONS = {
    'info-circle': icon('<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8v.01"/>'),
    'angle-down': icon('<path d="M7 10l5 5 5-5"/>'),
    'angle-right': icon('<path d="M10 7l5 5-5 5"/>'),
    'arrow-down': icon('<path d="M12 5v14M6 13l6 6 6-6"/>'),
    'arrow-up': icon('<path d="M12 19V5M6 11l6-6 6 6"/>'),
    'clock-nine': icon('<circle cx="12" cy="12" r="9"/><path d="M12 7v5H8"/>'),
    sync: icon('<path d="M4 12a8 8 0 0 1 14-5l2 2M20 12a8 8 0 0 1-14 5l-2-2M20 4v5h-5M4 20v-5h5"/>'),
    'file-alt': icon('<path d="M6 3h9l4 4v14H6zM9 12h6M9 16h6"/>'),
    filter: icon('<path d="M4 5h16l-6 8v6l-4-2v-4z"/>'),
    unknown: icon(''),
};
