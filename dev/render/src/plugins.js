// Defaults of Grafana's panel plug-ins, from @grafana/schema or else from the plug-ins' module.tsx in Grafana's
// repository.
import {
  defaultOptions as barGauge,
} from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import {
  defaultOptions as gauge,
} from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import {
  defaultOptions as stat,
} from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import {
    defaultFieldConfig as stateTimelineField,
    defaultOptions as stateTimeline,
} from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import {
  defaultOptions as text,
} from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';

const reduceOptions = { values: false, calcs: ['lastNotNull'], fields: '' };
const thresholds = { mode: 'thresholds' };
const legend = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };

const graphField = {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: 0,
    gradientMode: 'none',
    barAlignment: 0,
    barWidthFactor: 0.6,
    spanNulls: false,
    insertNulls: false,
    showPoints: 'auto',
    pointSize: 5,
    stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto',
    axisLabel: '',
    axisColorMode: 'text',
    axisBorderShow: false,
    axisCenteredZero: false,
    axisGridShow: true,
    scaleDistribution: { type: 'linear' },
    hideFrom: { tooltip: false, viz: false, legend: false },
    thresholdsStyle: { mode: 'off' },
};

const tableField = { align: 'auto', inspect: false, cellOptions: { type: 'auto' }, filterable: false };

export const PLUGINS = {
    stat: { options: { ...stat, orientation: 'auto', reduceOptions }, color: thresholds },
    gauge: { options: { ...gauge, orientation: 'auto', reduceOptions }, color: thresholds },
    bargauge: { options: { ...barGauge, orientation: 'auto', reduceOptions }, color: thresholds },
    table: {
        options: { frameIndex: 0, showHeader: true, cellHeight: 'sm', sortBy: [] },
        color: thresholds,
        custom: tableField,
    },
    timeseries: { options: { legend }, color: { mode: 'palette-classic' }, custom: graphField },
    'state-timeline': {
        options: { ...stateTimeline, legend },
        color: { mode: 'continuous-GrYlRd' },
        custom: { ...stateTimelineField, hideFrom: graphField.hideFrom, spanNulls: false },
    },
    text: { options: text },
};
