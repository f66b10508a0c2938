// The page: a dashboard in Grafana's layout, with data embedded in the page. `window.finished` resolves when
// everything is drawn.
import { ThemeContext, createTheme } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { box } from './grid.js';
import { PageHeader } from './header.jsx';
import { ICONS } from './icons.js';
import { Panel, checkDrawable } from './panels.jsx';
import { preparePanel } from './panel.js';

const QUIET_MS = 400; // sizes are measured and icons load after the first drawing

// Grafana's components fetch only icons, which are not published on npm.
window.fetch = async (url) => new Response(ICONS[/([\w-]+)\.svg/.exec(url)?.[1]] ?? ICONS.unknown);

async function draw() {
    const page = JSON.parse(document.getElementById('data').textContent);
    const theme = createTheme({ colors: { mode: page.theme } });
    page.panels.forEach(({ panel }) => checkDrawable(panel));
    const timeZone = 'utc';
    const panels = await Promise.all(
        page.panels.map(async ({ panel, results, intervals }) => ({
            panel,
            prepared:
                panel.type === 'row'
                    ? undefined
                    : await preparePanel(panel, results, theme, { intervals, timeZone }),
        })),
    );
    await document.fonts.load('1em Inter');
    createRoot(document.getElementById('page')).render(
        <ThemeContext.Provider value={theme}>
            <GlobalStyles hackNoBackdropBlur />
            <PageHeader {...page} theme={theme} />
            <main style={{ position: 'relative', margin: `0 ${page.margin}px` }}>
                {panels.map(({ panel, prepared }, index) => (
                    <div key={index} style={{ position: 'absolute', ...box(panel.gridPos, page.width) }}>
                        <Panel
                            panel={panel}
                            prepared={prepared}
                            range={page.range}
                            size={box(panel.gridPos, page.width)}
                        />
                    </div>
                ))}
            </main>
        </ThemeContext.Provider>,
    );
    await quiet(document.body);
}

function quiet(node) {
    return new Promise((resolve) => {
        let timer = setTimeout(resolve, QUIET_MS);
        const restart = () => {
            clearTimeout(timer);
            timer = setTimeout(resolve, QUIET_MS);
        };
        new MutationObserver(restart).observe(node, { attributes: true, childList: true, subtree: true });
    });
}

window.finished = draw();
