"""Ask the same questions of services that search the text of records: Splunk, CloudWatch Logs."""
