DROP TABLE icp_members;
DROP TABLE icps;
