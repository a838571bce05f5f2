"""What people and machines get to see: tables, JSON, SARIF, one HTML file, the dashboard. Decides nothing."""
