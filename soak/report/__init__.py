"""The files of a run: report.json, report.html, junit.xml, samples and memray windows.

`directory` writes the files. To add a format, write a module that turns a `Report` into bytes, and call it in
`ReportDirectory.write`.
"""
