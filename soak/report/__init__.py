"""The files of a run for people and programs: report.json, report.html, junit.xml, the samples, memray's windows."""
