"""A third party's format of the report: JUnit's XML, which CI systems show."""
