"""The files of a run: report.json, report.html, junit.xml, samples and memray windows.

`directory` writes them. A new format is a module that turns a `Report` into bytes, and a line in
`ReportDirectory.write`.
"""
