"""What a run leaves for people and programs: report.json, report.html, junit.xml, the samples, memray's windows."""
