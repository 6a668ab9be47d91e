//! Azure Monitor's metrics of a container group: `{resource}/providers/microsoft.insights/…`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wharf_model::{
    Error,
    metrics::{Point, minute},
};

use self::parameters::{
    AGGREGATIONS, INTERVALS, aggregation, encoded_once, filter, interval, metric, timespan,
};

mod parameters;

/// How long samples are kept.
const KEPT_MINUTES: u32 = 24 * 60;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Thousandths of a CPU.
    CpuUsage,
    /// Bytes.
    MemoryUsage,
    /// Bytes per second.
    Received,
    /// Bytes per second.
    Sent,
}

const METRICS: [Metric; 4] =
    [Metric::CpuUsage, Metric::MemoryUsage, Metric::Received, Metric::Sent];

impl Metric {
    /// The name in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuUsage => "CpuUsage",
            Self::MemoryUsage => "MemoryUsage",
            Self::Received => "NetworkBytesReceivedPerSecond",
            Self::Sent => "NetworkBytesTransmittedPerSecond",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::CpuUsage => "CPU Usage",
            Self::MemoryUsage => "Memory Usage",
            Self::Received => "Network Bytes Received Per Second",
            Self::Sent => "Network Bytes Transmitted Per Second",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::CpuUsage => "CPU usage on all cores in millicores.",
            Self::MemoryUsage => "Total memory usage in byte.",
            Self::Received => "The network bytes received per second.",
            Self::Sent => "The network bytes transmitted per second.",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::CpuUsage => "Count",
            Self::MemoryUsage | Self::Received | Self::Sent => "Bytes",
        }
    }

    /// Whether there is a series for each container.
    pub fn is_by_container(self) -> bool {
        matches!(self, Self::CpuUsage | Self::MemoryUsage)
    }
}

/// A request for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which.
    pub metrics: Vec<Metric>,
    /// From this minute to before that.
    pub range: (u32, u32),
    /// Minutes per reading.
    pub interval: u32,
    /// Whether each container has a series of its own.
    pub is_split: bool,
    /// Only this container.
    pub container: Option<String>,
    timespan: String,
    interval_name: &'static str,
    aggregations: Vec<&'static str>,
}

/// One series: its container, if it is of one, and its readings.
#[derive(Clone, Debug)]
pub struct Series {
    /// Which container.
    pub container: Option<String>,
    /// As `wharf_model::metrics::readings` gives them.
    pub readings: Vec<(u32, Option<Point>)>,
}

impl Query {
    /// Reads the parameters of a request, by lower-case name.
    pub fn parse(params: &BTreeMap<String, String>, now: Timestamp) -> Result<Self, Error> {
        let params: BTreeMap<&str, String> =
            params.iter().map(|(name, value)| (name.as_str(), encoded_once(value))).collect();
        let get = |name: &str| params.get(name).map(String::as_str).filter(|v| !v.is_empty());
        let metrics = match get("metricnames") {
            None => METRICS.to_vec(),
            Some(names) => names.split(',').map(metric).collect::<Result<_, _>>()?,
        };
        let (from, to) = timespan(get("timespan"), now)?;
        let (interval_name, interval) = interval(get("interval").unwrap_or("PT1M"))?;
        let aggregations = match get("aggregation") {
            None => vec!["Average"],
            Some(names) => names.split(',').map(aggregation).collect::<Result<_, _>>()?,
        };
        let (is_split, container) = filter(get("$filter"))?;
        // The minute that is under way is told as far as it has come.
        let begun = |at: Timestamp| minute(at) + u32::from(at.as_second() % 60 > 0);
        let last = begun(to);
        let first = begun(from).max(minute(now).saturating_sub(KEPT_MINUTES));
        Ok(Self {
            metrics,
            range: (first - first % interval.max(1), last.max(first)),
            interval,
            is_split,
            container,
            timespan: format!("{from:.0}/{to:.0}"),
            interval_name,
            aggregations,
        })
    }

    /// The answer for a resource.
    pub fn render(
        &self,
        resource: &str,
        location: &str,
        series: impl Fn(Metric) -> Vec<Series>,
    ) -> Value {
        let value = |metric: &Metric| {
            let timeseries: Vec<Value> =
                series(*metric).iter().map(|series| self.one_series(series)).collect();
            json!({
                "id": format!("{resource}/providers/Microsoft.Insights/metrics/{}", metric.name()),
                "type": "Microsoft.Insights/metrics",
                "name": { "value": metric.name(), "localizedValue": metric.title() },
                "displayDescription": metric.description(),
                "unit": metric.unit(),
                "timeseries": timeseries,
                "errorCode": "Success",
            })
        };
        json!({
            "cost": 0,
            "timespan": self.timespan,
            "interval": self.interval_name,
            "value": self.metrics.iter().map(value).collect::<Vec<_>>(),
            "namespace": "Microsoft.ContainerInstance/containerGroups",
            "resourceregion": location,
        })
    }

    fn one_series(&self, series: &Series) -> Value {
        let metadata: Vec<Value> = series
            .container
            .iter()
            .map(|name| {
                json!({
                    "name": { "value": "containername", "localizedValue": "containername" },
                    "value": name,
                })
            })
            .collect();
        let data: Vec<Value> = series
            .readings
            .iter()
            .map(|(at, point)| self.one_reading(*at, point.as_ref()))
            .collect();
        json!({ "metadatavalues": metadata, "data": data })
    }

    fn one_reading(&self, at: u32, point: Option<&Point>) -> Value {
        let time = Timestamp::from_second(i64::from(at) * 60).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut reading = Map::new();
        reading.insert("timeStamp".to_owned(), json!(format!("{time:.0}")));
        let Some(point) = point else { return Value::Object(reading) };
        for name in &self.aggregations {
            let value = match *name {
                "Average" => f64::from(point.sum) / f64::from(point.count.max(1)),
                "Minimum" => f64::from(point.minimum),
                "Maximum" => f64::from(point.maximum),
                "Total" => f64::from(point.sum),
                _ => f64::from(point.count),
            };
            reading.insert(name.to_ascii_lowercase(), json!((value * 1000.0).round() / 1000.0));
        }
        Value::Object(reading)
    }
}

/// What can be asked for.
pub fn definitions(resource: &str) -> Value {
    let availabilities: Vec<Value> = INTERVALS
        .iter()
        .map(|(name, _)| json!({ "timeGrain": name, "retention": "P1D" }))
        .collect();
    let definition = |metric: Metric| {
        let mut definition = json!({
            "id": format!(
                "{resource}/providers/Microsoft.Insights/metricdefinitions/{}",
                metric.name()
            ),
            "resourceId": resource,
            "namespace": "Microsoft.ContainerInstance/containerGroups",
            "name": { "value": metric.name(), "localizedValue": metric.title() },
            "displayDescription": metric.description(),
            "isDimensionRequired": false,
            "unit": metric.unit(),
            "primaryAggregationType": "Average",
            "supportedAggregationTypes": AGGREGATIONS,
            "metricAvailabilities": availabilities,
        });
        if metric.is_by_container() {
            definition["dimensions"] =
                json!([{ "value": "containerName", "localizedValue": "containerName" }]);
        }
        definition
    };
    json!({ "value": METRICS.map(definition) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(params: &[(&str, &str)]) -> Result<Query, Error> {
        let params = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Query::parse(&params, "2026-01-02T10:00:30Z".parse().unwrap())
    }

    #[test]
    fn a_query_is_answered_in_azures_shape() {
        let query = query(&[
            ("metricnames", "cpuusage"),
            ("timespan", "2026-01-02T09:58:00Z/2026-01-02T10:00:00Z"),
            ("aggregation", "average,Maximum"),
            ("$filter", "ContainerName eq '*'"),
        ])
        .unwrap();
        let first = query.range.0;
        let answer = query.render("/r", "local", |_| {
            let readings = vec![(first, Some(Point::new(first, 250.0))), (first + 1, None)];
            vec![Series { container: Some("web".to_owned()), readings }]
        });
        assert_eq!(answer["interval"], "PT1M");
        assert_eq!(answer["timespan"], "2026-01-02T09:58:00Z/2026-01-02T10:00:00Z");
        let value = &answer["value"][0];
        assert_eq!(value["id"], "/r/providers/Microsoft.Insights/metrics/CpuUsage");
        assert_eq!(
            (&value["name"]["value"], &value["unit"]),
            (&json!("CpuUsage"), &json!("Count"))
        );
        let series = &value["timeseries"][0];
        assert_eq!(series["metadatavalues"][0]["value"], "web");
        assert_eq!(
            series["data"],
            json!([
                { "timeStamp": "2026-01-02T09:58:00Z", "average": 250.0, "maximum": 250.0 },
                { "timeStamp": "2026-01-02T09:59:00Z" },
            ])
        );
    }

    #[test]
    fn spans_are_ranges_or_durations() {
        let minutes = |text: &str| {
            let (from, to) = query(&[("timespan", text)]).unwrap().range;
            to - from
        };
        assert_eq!(minutes("PT30M"), 30);
        assert_eq!(minutes("P1D"), 1440);
        assert_eq!(minutes("2026-01-02T09:00:00Z/PT1H"), 60);
        assert_eq!(minutes("2026-01-02T09%3A00%3A00.12%2F2026-01-02T09%3A20%3A00.12"), 20);
        assert_eq!(query(&[]).unwrap().range.1 - query(&[]).unwrap().range.0, 60);
    }

    #[test]
    fn mistakes_name_the_parameter() {
        for (name, value) in [
            ("metricnames", "Joy"),
            ("timespan", "yesterday"),
            ("timespan", "2026-01-02T10:00:00Z/2026-01-02T09:00:00Z"),
            ("interval", "PT7M"),
            ("aggregation", "mode"),
            ("$filter", "color eq 'red'"),
        ] {
            let error = query(&[(name, value)]).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(name), "{value}");
        }
        assert!(query(&[("metricnames", "Joy")]).unwrap_err().message.contains("CpuUsage,"));
    }
}
