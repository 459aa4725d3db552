"""Ask the same questions of a CloudTrail table behind Athena, Trino or Spark."""
