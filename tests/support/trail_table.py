"""A CloudTrail table on DuckDB, which executes what was written for Athena, Trino or Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from containment.lab.services import athena_sql
from containment.trail.sql.statements import Statement

# Athena User Guide, "Create the table for CloudTrail logs in Athena using partition projection".
COLUMNS = {
    "eventversion": "string",
    "useridentity": (
        "struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,"
        "accesskeyid:string,username:string,"
        "onbehalfof:struct<userid:string,identitystorearn:string>,"
        "sessioncontext:struct<attributes:struct<mfaauthenticated:string,creationdate:string>,"
        "sessionissuer:struct<type:string,principalid:string,arn:string,accountid:string,"
        "username:string>,ec2roledelivery:string,"
        "webidfederationdata:struct<federatedprovider:string,attributes:map<string,string>>>>"
    ),
    "eventtime": "string",
    "eventsource": "string",
    "eventname": "string",
    "awsregion": "string",
    "sourceipaddress": "string",
    "useragent": "string",
    "errorcode": "string",
    "errormessage": "string",
    "requestparameters": "string",
    "responseelements": "string",
    "additionaleventdata": "string",
    "requestid": "string",
    "eventid": "string",
    "readonly": "string",
    "resources": "array<struct<arn:string,accountid:string,type:string>>",
    "eventtype": "string",
    "apiversion": "string",
    "recipientaccountid": "string",
    "serviceeventdetails": "string",
    "sharedeventid": "string",
    "vpcendpointid": "string",
    "vpcendpointaccountid": "string",
    "eventcategory": "string",
    "addendum": (
        "struct<reason:string,updatedfields:string,originalrequestid:string,originaleventid:string>"
    ),
    "sessioncredentialfromconsole": "string",
    "edgedevicedetails": "string",
    "tlsdetails": ("struct<tlsversion:string,ciphersuite:string,clientprovidedhostheader:string>"),
}


class Table:
    """Executes statements of one dialect over records, and remembers them."""

    def __init__(
        self, records: Iterable[dict[str, Any]], dialect: str, without: Iterable[str] = ()
    ) -> None:
        self.records = list(records)
        self.columns = {name: kind for name, kind in COLUMNS.items() if name not in set(without)}
        self.dialect = dialect
        self.statements: list[Statement] = []
        self.rows: list[int] = []

    def __call__(self, statement: Statement) -> Iterator[dict[str, Any]]:
        self.statements.append(statement)
        query = athena_sql.parse(statement.text, self.dialect)
        rows = athena_sql.execute(query, self.columns, self.records, statement.bound)
        self.rows.append(len(rows.rows))
        for row in rows.rows:
            yield dict(zip(rows.columns, row, strict=True))
