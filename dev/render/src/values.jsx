// Stat and bar gauge, composed like in these plug-ins.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, VizRepeater, useTheme2 } from '@grafana/ui';
import { replaceVariables } from './templates.js';

function Values({ data, options, fieldConfig, width, height, sparkline = false, ...repeater }) {
    const theme = useTheme2();
    const getValues = () =>
        getFieldDisplayValues({
            data,
            fieldConfig,
            reduceOptions: options.reduceOptions,
            replaceVariables,
            percentChange: options.showPercentChange,
            sparkline,
            theme,
            timeZone: 'utc',
        });
    return (
        <VizRepeater
            source={data}
            getValues={getValues}
            getAlignmentFactors={getDisplayValueAlignmentFactors}
            orientation={options.orientation}
            renderCounter={0}
            width={width}
            height={height}
            {...repeater}
        />
    );
}

export function Stat({ panel, timeRange, ...props }) {
    const theme = useTheme2();
    const { options, fieldConfig } = props;
    const named = options.textMode === 'auto' && (fieldConfig.defaults.displayName || !panel.title);
    const renderValue = ({ value, count, alignmentFactors, width, height }) => (
        <BigValue
            {...options}
            value={value.display}
            count={count}
            sparkline={value.sparkline && { ...value.sparkline, timeRange }}
            textMode={named ? 'value_and_name' : options.textMode}
            alignmentFactors={alignmentFactors}
            theme={theme}
            width={width}
            height={height}
        />
    );
    const sparkline = options.graphMode !== 'none';
    return <Values {...props} sparkline={sparkline} itemSpacing={3} autoGrid renderValue={renderValue} />;
}

export function Bars({ panel: _, ...props }) {
    const theme = useTheme2();
    const { options, fieldConfig } = props;
    const itemSpacing = options.displayMode === 'lcd' ? 2 : 10;
    const renderValue = ({ value, count, alignmentFactors, orientation, width, height }) => (
        <BarGauge
            {...options}
            value={
                count === 1 && !fieldConfig.defaults.displayName
                    ? { ...value.display, title: undefined }
                    : value.display
            }
            field={value.field}
            display={value.view?.getFieldDisplayProcessor(value.colIndex)}
            valueDisplayMode={options.valueMode}
            alignmentFactors={count > 1 ? alignmentFactors : undefined}
            itemSpacing={itemSpacing}
            orientation={orientation}
            theme={theme}
            width={width}
            height={height}
        />
    );
    const { minVizWidth, minVizHeight, maxVizHeight } = options;
    return <Values {...props} {...{ minVizWidth, minVizHeight, maxVizHeight, itemSpacing, renderValue }} />;
}
